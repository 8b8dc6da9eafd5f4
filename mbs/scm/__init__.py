"""Where modulemds and component refs come from: SCM URLs, and git behind the protocol `Scm`."""
