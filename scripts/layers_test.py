#!/usr/bin/env python3
"""The layers' check names each kind of wrong include, planted in a copy of the tree; the tree itself is in order."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(SCRIPTS)
sys.path.insert(0, SCRIPTS)
import layers  # noqa: E402


class LayersTest(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.copy = self.scratch.name
        for path in layers.sources_below(ROOT):
            self.write(path, pathlib.Path(ROOT, path).read_text(encoding="utf-8"))
        for folder in layers.LEVEL:
            os.makedirs(os.path.join(self.copy, folder), exist_ok=True)

    def tearDown(self):
        self.scratch.cleanup()

    def write(self, path, text):
        path = pathlib.Path(self.copy, path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self):
        return subprocess.run([sys.executable, os.path.join(SCRIPTS, "layers.py"), self.copy],
                              capture_output=True, text=True)

    def expect(self, line):
        result = self.check()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, line + "\n")

    def test_the_tree_is_in_order(self):
        result = self.check()
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_an_include_upwards(self):
        self.write("partialfc/data/x.cc", '\n#include "partialfc/head/margin.h"\n')
        self.expect("partialfc/data/x.cc:2: partialfc/data may not include partialfc/head")

    def test_an_include_of_a_neighbour(self):
        self.write("partialfc/head/x.h", '#include "partialfc/eval/roc.h"\n')
        self.expect("partialfc/head/x.h:1: partialfc/head may not include partialfc/eval")

    def test_the_library_includes_no_program(self):
        self.write("trainer/x.cc", '#include "cli/command.h"\n')
        self.expect("trainer/x.cc:1: trainer may not include cli")

    def test_headers_that_have_a_place(self):
        self.write("cli/x.cc", "#  include <ATen/Context.h>\n")
        self.expect("cli/x.cc:1: <ATen/Context.h> belongs to trainer/ alone")
        self.write("cli/x.cc", "#include <mpi.h>\n")
        self.expect("cli/x.cc:1: <mpi.h> belongs to partialfc/comm/mpi alone")

    def test_a_folder_that_is_in_no_layer(self):
        self.write("partialfc/elsewhere/x.h", "")
        self.expect("partialfc/elsewhere/x.h: lies in no layer; add its folder to scripts/layers.py")

    def test_a_layer_that_does_not_exist(self):
        shutil.rmtree(os.path.join(self.copy, "partialfc/plan"))
        self.assertIn("scripts/layers.py: there is no folder partialfc/plan\n", self.check().stderr)

    def test_contributing_tells_each_layer(self):
        table = pathlib.Path(ROOT, "CONTRIBUTING.md").read_text(encoding="utf-8")
        for folder in layers.LEVEL:
            name = folder.removeprefix("partialfc/")
            self.assertTrue(f"`{folder}`" in table or f"`{name}`" in table, folder)


if __name__ == "__main__":
    unittest.main()
