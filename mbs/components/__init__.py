"""From a document's components to what is built: which source, in which order, for which arches.

gather   included modules are fetched, recursively                       (the only step that reaches out)
select   rules, defaults and overrides: a repository and a ref each, and its place in the build
record   with the refs pinned to commits: the plan's components
"""
