"""What the brand decides, as data: pipeline.yaml, one YAML file per Salesforce object, and what reads them."""
