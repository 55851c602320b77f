"""The whole life of an environment on a real account, with a report of what AWS did."""
