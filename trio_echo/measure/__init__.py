"""Measure: a load for echo servers, its results, honest statistics, and plots."""
