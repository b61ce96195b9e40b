#!/bin/sh
# Make the git repositories that the scenario builds from, below /srv, and the user of the private one.
set -eu
uv=$1
export HOME=/root GIT_CONFIG_COUNT=3
export GIT_CONFIG_KEY_0=user.name GIT_CONFIG_VALUE_0=lab
export GIT_CONFIG_KEY_1=user.email GIT_CONFIG_VALUE_1=lab@localhost
export GIT_CONFIG_KEY_2=protocol.file.allow GIT_CONFIG_VALUE_2=always

begin() {
    git init --quiet --initial-branch main "/srv/$1"
    cd "/srv/$1"
}

save() {
    git add .
    GIT_COMMITTER_DATE=2026-01-02T03:04:05Z git commit --quiet --message "$1"
}

# A tag and a branch.
begin hello
printf 'itsdangerous==2.2.0\n' > needs.txt
printf 'VERSION = 1\n' > hello.py
save one
git tag v1
printf 'VERSION = 2\n' > hello.py
save two

# A submodule, by a relative address.
begin part
printf 'VERSION = 5\n' > part.py
save one
begin whole
printf 'from sub.part import VERSION\n' > whole.py
git submodule --quiet add ../part sub
save one

# A project with a lock, which is a package; Flask is for its developers.
begin locked
mkdir lockedapp
printf 'VERSION = 3\n' > lockedapp/__init__.py
cat > pyproject.toml <<'TOML'
[project]
name = "lockedapp"
version = "3"
requires-python = ">=3.9"
dependencies = ["itsdangerous<2.2"]
[dependency-groups]
dev = ["blinker"]
[build-system]
requires = ["flit_core>=3.2"]
build-backend = "flit_core.buildapi"
[tool.flit.module]
name = "lockedapp"
TOML
sed -i 's/^version = "3"$/&\ndescription = "For the lab."/' pyproject.toml
SSL_CERT_FILE=/etc/pki/tls/certs/ca-bundle.crt "$uv" lock --quiet --python /usr/bin/python3.11
save one

# A project without a lock, that is no package. With static files, and a link to what lies outside.
begin project
mkdir static
printf 'VERSION = 4\n' > project.py
seq 2000 > static/numbers.txt
ln -s /srv/uploads uploads
printf '[project]\nname = "project"\nversion = "4"\ndependencies = ["itsdangerous==2.2.0"]\n' > pyproject.toml
save one
mkdir -p /srv/uploads/deep
touch /srv/uploads/deep/file
chown -R nobody /srv/uploads
chmod -R 0777 /srv/uploads

# A private one, reached by ssh with a key.
useradd --create-home --home-dir /srv/gitdeploy gitdeploy
ssh-keygen -q -t ed25519 -N '' -C deploy -f /srv/deploy_key
install -d -m 0700 -o gitdeploy -g gitdeploy /srv/gitdeploy/.ssh
install -m 0600 -o gitdeploy -g gitdeploy /srv/deploy_key.pub /srv/gitdeploy/.ssh/authorized_keys
begin gitdeploy/private
printf 'VERSION = 6\n' > private.py
save one
chown -R gitdeploy: /srv/gitdeploy
chmod -R go= /srv/gitdeploy

# An archive of a repository, served to the host itself.
mkdir /srv/www
git -C /srv/hello archive --format tar.gz --prefix hello-2/ --output /srv/www/hello-2.tar.gz HEAD
systemd-run --quiet --unit lab-files /usr/bin/python3.11 -m http.server --bind 127.0.0.1 --directory /srv/www 8099
