"""Texts: entropy production of each, in a run that can be broken off, and groups compared.

Needs the extra ``text`` (pandas, pyarrow, and torch for a language model), which is imported when
it is used.
"""

from entroprod.text.collection import Texts, as_texts
from entroprod.text.files import read_texts
from entroprod.text.group_comparison import Comparison, GroupComparison, GroupSummary
from entroprod.text.groups import compare_groups
from entroprod.text.result import Average, TextScores, averages
from entroprod.text.run import score_samples, score_texts
from entroprod.text.table import read_results

__all__ = [
    "Average",
    "Comparison",
    "GroupComparison",
    "GroupSummary",
    "TextScores",
    "Texts",
    "as_texts",
    "averages",
    "compare_groups",
    "read_results",
    "read_texts",
    "score_samples",
    "score_texts",
]
