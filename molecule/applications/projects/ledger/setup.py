from setuptools import find_packages, setup

setup(
    name="ledger",
    version="1.0.0",
    package_dir={"": "src"},
    packages=find_packages("src"),
    install_requires=["bottle>=0.13"],
)
