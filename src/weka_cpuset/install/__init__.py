"""Installing the agent on a host, outside of any cluster: `weka-cpuset install` and `uninstall`.

`plan` decides what is to be done, `steps` does it. Nothing else imports this package.
"""
