"""What asv needs of this project: releases as revisions, stacks as environments, runs that go on, and its site."""
