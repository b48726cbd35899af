"""The report: one HTML file on the posts of scored files, to hand to people who have nothing but a browser."""

from detector.report.job import ReportOptions, ReportSummary, write_report

__all__ = ["ReportOptions", "ReportSummary", "write_report"]
