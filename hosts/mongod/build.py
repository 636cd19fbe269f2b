# SPDX-License-Identifier: Apache-2.0
"""The module as mongod's SCons build (4.2 to 7.0) finds it: src/mongo/db/modules/fieldguard."""

import os

name = 'fieldguard'


def configure(conf, env):
    """Say where fieldguard's headers and libraries are.

    FIELDGUARD_PREFIX names an installed fieldguard (lib/, include/). Without it this folder must be a link into a
    built checkout.
    """
    prefix = os.environ.get('FIELDGUARD_PREFIX')
    here = os.path.dirname(os.path.realpath(__file__))
    top = os.path.dirname(os.path.dirname(here))
    env['FIELDGUARD_INCLUDE'] = os.path.join(prefix or top, 'include')
    env['FIELDGUARD_LIB'] = os.path.join(prefix, 'lib') if prefix else os.path.join(top, 'build', 'lib')
    if not os.path.exists(os.path.join(env['FIELDGUARD_LIB'], 'libfieldguard-host.a')):
        env.ConfError('fieldguard: no libfieldguard-host.a in {}: run make first, or set FIELDGUARD_PREFIX',
                      env['FIELDGUARD_LIB'])
