"""The report: finished runs on a page for a browser, down to the clip behind a number."""
