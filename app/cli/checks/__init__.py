"""What `flotilla doctor` looks at: this machine, the deployment, its security, and the promises in a drill."""
