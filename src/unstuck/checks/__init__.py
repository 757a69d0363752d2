"""One file per check: a page that explains it, what it detects, and which remedies the study tries for it.

`catalogue()` lists them all, those of other packages included (entry-point group `unstuck.checks`).  Turning
a recorded run and a study into findings is the work of `unstuck.checks.judge`.
"""

from unstuck.checks.catalogue import catalogue as catalogue
from unstuck.checks.catalogue import lookup as lookup
from unstuck.checks.factors import FACTORS as FACTORS
from unstuck.checks.factors import Factor as Factor
from unstuck.checks.registry import Check as Check
from unstuck.checks.registry import NotApplicable as NotApplicable
from unstuck.checks.registry import Sighting as Sighting
from unstuck.checks.registry import check as check
