"""A local Salesforce and a local impact.com: real HTTP servers on loopback that tell virtual time."""
