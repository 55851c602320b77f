"""The SageMaker service of the embedded AWS: training jobs, models and real-time endpoints.

`service` takes requests, `validation` checks them against AWS's own model, `training` and
`hosting` hold the resources and their lives, `container` runs images as processes.
"""
