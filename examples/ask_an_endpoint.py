"""Ask an endpoint which topics a text has, with boto3 and nothing of this project.

  python examples/ask_an_endpoint.py topic-model-dev build/prepared/vocab.txt "The court heard ..."

An application in another language does the same: count the words that the vocabulary has, send the
counts as CSV in the vocabulary's order, and read the topic mixture from the JSON that comes back.
"""

import json
import re
import sys
from pathlib import Path

import boto3


def main(endpoint: str, vocabulary: str, text: str) -> None:
    """Print the three largest topics of `text`, each with its share."""
    words = Path(vocabulary).read_text(encoding="utf-8").splitlines()
    found = re.findall(r"\w+", text.lower())
    counts = ",".join(str(found.count(word)) for word in words)
    answer = boto3.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, ContentType="text/csv", Accept="application/json", Body=counts
    )
    mixture = json.load(answer["Body"])["predictions"][0]["topic_mixture"]
    for share, topic in sorted(((share, topic) for topic, share in enumerate(mixture)))[:-4:-1]:
        print(f"topic {topic}: {share:.0%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
