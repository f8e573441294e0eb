"""Reports of scored texts: one HTML file for each run, which needs neither network nor server."""

from entroprod.text.report.page import html_report, write_report

__all__ = ["html_report", "write_report"]
