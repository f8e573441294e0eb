"""Tables of numbers: a fitted machine, and its entropy production with an error and a test.

Needs the extra ``series`` (statsmodels, pandas, pyarrow), which is imported when it is used.
"""

from entroprod.series.estimate import series_entropy_production
from entroprod.series.files import read_table
from entroprod.series.fitting import fit_var
from entroprod.series.result import SeriesEntropyProduction

__all__ = ["SeriesEntropyProduction", "fit_var", "read_table", "series_entropy_production"]
