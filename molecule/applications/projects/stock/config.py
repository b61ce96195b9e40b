import os


class Config:
    SECRET_KEY = os.environ.get("SECRET_KEY", "dev")
    SQLALCHEMY_DATABASE_URI = os.environ.get("DATABASE_URL", "sqlite:///stock.db")
    LABEL = "development"


class ProductionConfig(Config):
    LABEL = "production"


config = {"default": Config, "production": ProductionConfig}
