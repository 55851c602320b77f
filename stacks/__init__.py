"""The CDK stacks of one environment: storage, preparation, training, serving."""
