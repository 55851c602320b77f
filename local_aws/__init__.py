"""The embedded AWS: MiniStack plus SageMaker, Auto Scaling and quotas, with IAM and TLS on."""
