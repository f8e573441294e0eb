"""``entroprod series``: tables, options, and what they leave behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from cli_runs import assert_error, run, strict_json

import entroprod as ep

# One rounding of a double or two; relative, and of growth rates of a few per cent.
ROUNDING = 1e-14
# The rate of a table whose numbers came from another format, rounded once.
READ_AGAIN = 1e-12


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two irreversible columns, their running product, and labels for the rows."""
    pytest.importorskip("statsmodels")
    rotation = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
    values = rotation.sample(200, 1, rng=1)[0]
    path = tmp_path_factory.mktemp("series") / "table.csv"
    lines = ["day,a,b,product"]
    for day, (left, right) in enumerate(values):
        # exp of a running sum: its growth is the column itself.
        product = np.exp(0.01 * values[: day + 1, 0].sum())
        lines.append(f"d{day},{left:.17g},{right:.17g},{product:.17g}")
    path.write_text("\n".join(lines) + "\n")
    return path


FEW = ("--bootstrap", 20, "--surrogates", 20, "--seed", 1)


class TestSeries:
    def test_json(self, table_file: Path) -> None:
        result = run("series", table_file, "--columns", "a, b", *FEW, "--json")
        assert result.exit_code == 0, result.stderr
        found = strict_json(result.stdout)
        assert found["columns"] == ["a", "b"]
        assert found["n_observations"] == 200
        assert found["order"] == 1
        assert found["seed"] == 1
        assert found["interval"][0] < found["interval"][1]
        # All of the 20 reversible surrogates produce less.
        assert found["p_value"] == pytest.approx(1 / 21, rel=ROUNDING)

    def test_seed_repeats(self, table_file: Path) -> None:
        words = ("series", table_file, "--columns", "a,b", *FEW[:-2], "--json")
        first = strict_json(run(*words).stdout)
        assert strict_json(run(*words, "--seed", first["seed"]).stdout) == first

    def test_text(self, table_file: Path) -> None:
        result = run("series", table_file, "--index", "day", "--transform", "diff", *FEW)
        assert result.exit_code == 0, result.stderr
        for words in ("199 rows of a, b, product", "VAR(", "nats per step", "interval", "p-value"):
            assert words in result.stdout
        assert "reversible surrogates" in result.stdout

    def test_growth_of_a_running_product(self, table_file: Path) -> None:
        words = ("series", table_file, "--columns", "product,b", *FEW)
        assert_error(run(*words, "--transform", "log-diff"), "log-diff", "'b'", "row")
        table = np.genfromtxt(table_file, delimiter=",", names=True)
        growth = np.diff(np.log(table["product"]))
        np.testing.assert_allclose(growth, 0.01 * table["a"][1:], atol=ROUNDING)

    def test_one_column_has_rate_zero(self, table_file: Path) -> None:
        result = run("series", table_file, "--columns", "a", *FEW, "--json")
        if result.exit_code == 0:
            assert strict_json(result.stdout)["rate"] == 0
        else:
            assert_error(result)

    def test_parquet(self, table_file: Path, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        path = tmp_path / "table.parquet"
        pandas.read_csv(table_file).to_parquet(path)
        words = ("--columns", "a,b", *FEW, "--json")
        from_parquet = strict_json(run("series", path, *words).stdout)
        from_csv = strict_json(run("series", table_file, *words).stdout)
        assert from_parquet["rate"] == pytest.approx(from_csv["rate"], rel=READ_AGAIN)

    @pytest.mark.parametrize("suffix", [".json", ".npz"])
    def test_saved_machine_has_the_rate(
        self, table_file: Path, tmp_path: Path, suffix: str
    ) -> None:
        path = tmp_path / f"machine{suffix}"
        words = ("--columns", "a,b", *FEW, "--json", "--save-machine", path)
        found = strict_json(run("series", table_file, *words).stdout)
        assert found["written"] == [str(path)]
        again = strict_json(run("kalman", path, "--json").stdout)
        assert again["rate"] == pytest.approx(found["rate"], rel=ROUNDING)

    def test_plot(self, table_file: Path, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        path = tmp_path / "rate.png"
        result = run("series", table_file, "--columns", "a,b", *FEW, "--plot", path)
        assert result.exit_code == 0, result.stderr
        assert path.read_bytes().startswith(b"\x89PNG")
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            ("", "empty"),
            ("a,b\n", "no rows"),
            ("a,b\n1,2\n3,\n", "'b'"),
            ("a,b\n1,2\nx,1\n", "'a'"),
            ("a,b\n1,inf\n2,1\n", "'b'"),
            ("a,b\n1,2\n2,2\n3,2\n", "constant"),
            ("a,b\n1,2\n2,1\n", "rows"),
            ("1,2\n2,1\n", "header"),
        ],
    )
    def test_bad_tables(self, tmp_path: Path, content: str, named: str) -> None:
        path = tmp_path / "table.csv"
        path.write_text(content)
        assert_error(run("series", path, *FEW), named)

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            (["--columns", "a,none"], "none"),
            (["--columns", ""], "columns"),
            (["--index", "none"], "none"),
            ([], "'day'"),
            (["--columns", "a,b", "--transform", "root"], "--transform"),
            (["--columns", "a,b", "--criterion", "best"], "--criterion"),
            (["--columns", "a,b", "--max-lags", "0"], "--max-lags"),
            (["--columns", "a,b", "--max-lags", "150"], "max_lags"),
            (["--columns", "a,b", "--bootstrap", "1"], "--bootstrap"),
            (["--columns", "a,b", "--surrogates", "0"], "--surrogates"),
            (["--columns", "a,b", "--confidence", "1"], "--confidence"),
            (["--columns", "a,b", "--confidence", "nan"], "--confidence"),
            (["--columns", "a,b", "--save-machine", "machine.txt"], "--save-machine"),
            (["--columns", "a,b", "--plot", "nowhere/rate.png"], "--plot"),
        ],
    )
    def test_bad_options(self, table_file: Path, words: list[str], named: str) -> None:
        assert_error(run("series", table_file, *words), named)

    def test_no_such_file(self, tmp_path: Path) -> None:
        assert_error(run("series", tmp_path / "none.csv"), "none.csv")
