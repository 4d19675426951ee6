"""Experiments: several runs that answer one question.

`specification` says what an experiment's file can say, and `specification_reading` checks it. `arms` says what each arm
sets and whether arms differ, `plan` which run comes when, `capacity` which rate is next. `manifest` keeps what was
planned and what was run, so that an interrupted experiment goes on; `resumption` says what must be as it was. `runner`
goes through the plan with a function that runs one benchmark: `benchmark` has the one that calls the `playbooks`.
`reporting` says what the runs mean.
"""
