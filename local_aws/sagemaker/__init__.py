"""The SageMaker service of the embedded AWS: jobs, models and real-time endpoints.

`sagemaker_service` takes requests and passes each to the module of its resource, `*_api`, which
lists its operations. `hosting_resources` is for CloudFormation. `account` holds all resources.

`training_life` runs a training job, `transform_life` a transform job. `endpoint_life` moves an
endpoint from one `fleet` of instances to the next, by the steps of a `deployment`. `invocation`
answers InvokeEndpoint, and `traffic` chooses the instance. `container` runs images as processes.
"""
