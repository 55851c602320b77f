"""The local stand-in for SageMaker's LDA image: its container contract around `topics`."""
