"""Measurements, each run by hand: what they print is a fact about a machine and no test."""
