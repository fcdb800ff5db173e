"""What an operator sees in a browser, and Prometheus scrapes: C{--metrics ENDPOINT}. It needs the extra C{metrics}."""
