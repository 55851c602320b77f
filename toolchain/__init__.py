"""CDK apps that set up how the environments are deployed: from GitHub, or by CodePipeline."""
