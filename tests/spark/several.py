"""Prepare several corpora in one Java process: each argument is a command line, as JSON."""

import json
import sys

from data_prep.spark import main

codes = [main(json.loads(argument)) for argument in sys.argv[1:]]
if any(codes):
    sys.exit(f"exit codes {codes}")
