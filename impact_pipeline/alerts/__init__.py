"""Tells people when something begins to fail, and when it is over: never the same thing twice."""
