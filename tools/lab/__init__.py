# SPDX-License-Identifier: GPL-3.0-or-later
"""The laboratory: nodes, pods and outside clients as network namespaces with no route out.

Shared by tools/testbed, tools/demo and tests/e2e; docs/laboratory.md explains it.
"""
