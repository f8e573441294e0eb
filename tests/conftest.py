"""Settings of the whole test suite.

Hypothesis runs from a fixed seed, so that a run says something about the code and not about luck;
``HYPOTHESIS_PROFILE=explore pytest tests/laws`` looks for new counterexamples instead.
"""

from __future__ import annotations

import os

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # test_smoke.py must run where only the wheel and pytest are installed
    pass
else:
    # No deadlines: a first call loads the core, and shared machines stall. Several matrices per
    # machine make examples large, which is no defect of the strategies.
    _common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("ci", _common, derandomize=True, max_examples=25)
    settings.register_profile("explore", _common, max_examples=400, print_blob=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
