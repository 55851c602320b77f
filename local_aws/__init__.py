"""The embedded AWS: MiniStack with a SageMaker service added, IAM enforced and TLS on."""
