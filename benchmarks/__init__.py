"""How fast runlore is: ratios against references and other tools, measured in the same run.

`python -m benchmarks` measures and writes results/latest.json and docs/benchmarks.md.
Files: tables/ (what is compared, and the goals), cases/ (the measured code, each case in a process of
its own), station (that process), measuring (rounds), sampling (statistics), model (the JSON), page (the
Markdown), build and peers (what is installed first), machine (facts). Standard library only, but for cases/.
"""
