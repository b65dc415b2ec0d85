"""What the paper reports, for the tables and plots beside ours (paper 4.2 and table 1). None of it was measured here.

The protocol behind table 1 is not stated in full: classes, scores, ICP and cut-off are open. So these numbers stand
beside ours as "reported" and are never a goal.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DATA_SETS: Mapping[str, str] = {"scannet": "ScanNet V2", "scannetpp": "ScanNet++", "replica": "Replica"}

# AP25, AP50, AP in percent, by data set
_Row = tuple[float, float, float]
TABLE_1: Mapping[str, Mapping[str, _Row]] = {
    "HDBSCAN": {"scannet": (5.6, 0.6, 0.2), "scannetpp": (2.4, 0.6, 0.2), "replica": (2.3, 0.1, 0.0)},
    "Felzenszwalb": {"scannet": (10.0, 2.2, 0.8), "scannetpp": (2.9, 1.1, 0.5), "replica": (1.6, 1.4, 1.0)},
    "SAM3D": {"scannet": (23.3, 8.0, 2.4), "scannetpp": (19.2, 7.0, 2.2), "replica": (28.3, 16.1, 7.1)},
    "Segment3D": {"scannet": (17.2, 7.2, 2.5), "scannetpp": (17.3, 8.1, 3.1), "replica": (15.8, 9.3, 4.0)},
    "PanSt3R": {"scannet": (22.5, 3.5, 0.8), "scannetpp": (21.7, 6.2, 1.7), "replica": (20.7, 6.2, 1.7)},
    "IGGT": {"scannet": (28.7, 11.2, 2.8), "scannetpp": (10.0, 2.2, 0.6), "replica": (15.2, 3.9, 1.1)},
    "FAST3DIS": {"scannet": (31.6, 9.6, 3.8), "scannetpp": (14.7, 3.5, 1.0), "replica": (30.3, 13.8, 5.1)},
}

HARDWARE = "one NVIDIA H200 (144 GB), 32-core AMD EPYC 9654, long edge 504, as reported"


@dataclass(frozen=True, kw_only=True)
class ReportedTime:
    """One line of figure 2.

    Attributes
    ----------
    name : str
    seconds : mapping of int to float or None
        By number of views; None where the paper ran out of memory.
    """

    name: str
    seconds: Mapping[int, float | None]


FIGURE_2: tuple[ReportedTime, ...] = (
    ReportedTime(name="FAST3DIS", seconds={30: 7.9, 50: 18.4, 350: 682.7}),
    ReportedTime(name="IGGT, HDBSCAN on the GPU", seconds={30: 910.8, 50: None}),
    ReportedTime(name="IGGT, HDBSCAN on the CPU", seconds={30: 1141.5, 50: 4663.3}),
)
