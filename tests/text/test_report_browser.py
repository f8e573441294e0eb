"""Reports as a browser shows them: colours, what a reader does, and words of any length."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pandas")

from report_pages import CHROMIUM, Page, block_scales, browse, everything, frame
from report_tables import Row, scored, skipped, two_groups

import entroprod as ep
from entroprod.text.report import colour, html_report, write_report


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
def test_a_browser_draws_it(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    table = frame(everything())
    groups = ep.compare_groups(table)
    path = write_report(tmp_path / "report.html", table, groups=groups, block_scale=block_scales())
    brightness = []
    for of, preferred in ((colour.LIGHT, 1), (colour.DARK, 0)):
        picture = tmp_path / "page.png"
        browse(
            path, f"--blink-settings=preferredColorScheme={preferred}", f"--screenshot={picture}"
        )
        pixels = np.rint(255 * image.imread(picture)[:, :, :3]).astype(int)
        codes = np.unique(pixels @ [1 << 16, 1 << 8, 1]).tolist()
        # Steps of the scale as backgrounds of tokens, and in the legend.
        assert set(of.surprisal()) <= {f"#{code:06x}" for code in codes}
        brightness.append(pixels.mean())
    assert brightness[0] > 200 > 80 > brightness[1]


# Does by program what a reader does with the pointer, and writes down what there is to see then.
READER = """
<script>
const visible = () => [...document.querySelectorAll(".text:not([hidden])")].map((one) => one.id);
const told = {order: {}};
const set = (id, value) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("change"));
};
for (const way of ["block down", "token up", "place up"]) {
  set("order", way);
  told.order[way] = visible();
}
set("only", "1");
told.group = visible();
const token = document.querySelector("#text-0 .t");
token.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
told.tip = tip.hidden ? null : tip.textContent;
const numbers = document.querySelector("#text-0 .numbers");
numbers.addEventListener("toggle", () => {
  told.rows = [...numbers.querySelectorAll("tr")].map((row) => row.textContent);
  document.documentElement.dataset.told = JSON.stringify(told);
});
numbers.open = true;
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
def test_a_reader_sorts_and_looks_up(tmp_path: Path) -> None:
    rows = two_groups()
    html = html_report(rows)
    path = tmp_path / "report.html"
    look = ("--dump-dom", "--virtual-time-budget=2000")
    # The policy lets the page's own script run, and no other.
    path.write_text(html.replace("</body>", READER + "</body>"), encoding="utf-8")
    (root,) = Page(browse(path, *look)).all("html")
    assert root["class"] == "js"
    assert "data-told" not in root
    free = re.sub(r'<meta http-equiv="Content[^>]*>', "", html)
    path.write_text(free.replace("</body>", READER + "</body>"), encoding="utf-8")
    (root,) = Page(browse(path, *look)).all("html")
    told = json.loads(root["data-told"])

    def names(ranked: list[Row]) -> list[str]:
        return [f"text-{row['index']}" for row in ranked]

    by_block = sorted(rows, key=lambda row: -row["sigma_block_per_token"])
    by_token = sorted(rows, key=lambda row: row["sigma_token_per_token"])
    assert told["order"] == {
        "block down": names(by_block),
        "token up": names(by_token),
        "place up": names(rows),
    }
    assert told["group"] == names([row for row in rows if row["group"] == "non-causal"])
    first = f"{-rows[0]['per_token_forward'][0]:.2f}"
    assert told["tip"].startswith(f"{first} forward\n")
    assert len(told["rows"]) == 1 + len(rows[0]["tokens"])
    assert told["rows"][1].startswith(f"The{first}")


# Tells what is wider than the page, other than what scrolls by itself.
RULER = """
<script>
const width = document.documentElement.clientWidth;
const wide = [...document.querySelectorAll("main *")].filter((one) =>
  one.getBoundingClientRect().right > width + 1 && !one.closest(".scroll, .views, svg"));
document.documentElement.dataset.told = JSON.stringify([width, wide.map((one) => one.tagName)]);
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
@pytest.mark.parametrize("width", [1280, 500])
def test_words_without_end_stay_on_the_page(tmp_path: Path, width: int) -> None:
    word = "x" * 4000
    generator = np.random.default_rng(0)
    rows = [scored(f"{word}. b. c.", i, generator, word + "ab"[i % 2]) for i in range(6)]
    rows = [*(row | {"id": word} for row in rows), skipped(word, 6, word, word)]
    table = frame(rows)
    groups = ep.compare_groups(table)
    html = html_report(table, {"model": word, word: word}, groups=groups, title=word)
    free = re.sub(r'<meta http-equiv="Content[^>]*>', "", html)
    path = tmp_path / "report.html"
    path.write_text(free.replace("</body>", RULER + "</body>"), encoding="utf-8")
    shown = browse(path, "--dump-dom", f"--window-size={width},3000")
    (root,) = Page(shown).all("html")
    found, wide = json.loads(root["data-told"])
    assert width - 20 < found <= width  # beside it is the bar that scrolls
    assert wide == []
