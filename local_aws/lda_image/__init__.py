"""The local stand-in for SageMaker's LDA image: `topics` behind the contract of a container."""
