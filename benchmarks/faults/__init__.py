"""The fault-injection benchmark: right programs, broken in every way that the field knows, and what unstuck finds.

programs, rails, probing, truth    run a program without unstuck, and say what a mutant really is
source, changes, roles             syntax trees with places; what an operator yields; what an expression is for
expressions, operands, statements  the operators
mutants, oracle, identity, trials  one program after the other: mutate, judge, ask unstuck, compare
table, misses                      the results, for a reader of the figures and for those who mend the misses
"""
