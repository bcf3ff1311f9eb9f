"""From a Scenario to a Deployment, the one object that every verb, door and fit asks.

resolve(scenario) -> Deployment        names, formats, engine, layout; every default said    scenario.resolve
deployment.step / prefill / memory     one step of one replica, bytes on one GPU              scenario.deployment
deployment.serve(load) -> Served       what requests see                                     scenario.deployment
bounds_of(deployment, running)         what no hardware of this kind beats                    scenario.bounds
cost_of(deployment, served, price)     USD per million tokens, by rule                       scenario.costs
explain_served(deployment, served, n)  why a served number is what it is                     scenario.explain
ranged(metric, value, profile)         the 80 % range of a number                            scenario.ranges
"""
