"""Requests one by one through a deployment: what each sees, percentiles, goodput, and when it is too much."""
