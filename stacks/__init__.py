"""The CDK stacks of one environment: storage, training, serving."""
