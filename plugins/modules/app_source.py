#!/usr/bin/python
# Copyright (c) The flaskstack authors. MIT License (see LICENSE).
"""Documentation of the action plugin app_source."""

DOCUMENTATION = r"""
module: app_source
short_description: Send a directory of the controller to a host as one file
version_added: 0.2.0
description:
  - Packs a directory of the controller into a tar archive and copies it to the host. The files
    belong to root in it and keep their times, executable bits and links.
options:
  src:
    description: The directory on the controller.
    type: path
    required: true
  dest:
    description: The file on the host; its mode is 0600.
    type: path
    required: true
  digest:
    description: What the directory's content must be, by
      P(flaskstack.centos.directory_digest#filter).
    type: str
    required: true
  exclude:
    description: What is left out, in the patterns of .gitignore.
    type: list
    elements: str
    default: []
  store:
    description: Do not compress.
    type: bool
    default: false
  creates:
    description: A path on the host; when it is there, nothing is sent.
    type: path
notes:
  - Supports C(check_mode).
author: The flaskstack authors (@flaskstack)
"""

EXAMPLES = r"""
- name: Send the source
  flaskstack.centos.app_source:
    src: /srv/shop
    digest: "{{ '/srv/shop' | flaskstack.centos.directory_digest }}"
    dest: /var/cache/flask_app_sources/shop.tar
"""

RETURN = r"""
dest:
  description: The file on the host.
  returned: when it was sent
  type: str
"""
