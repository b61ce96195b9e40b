import os

from celery import Celery

FOLDER = os.environ.get("INVOICE_FOLDER", "invoices")
QUEUE = os.environ.get("QUEUE_FOLDER", "queue")

celery = Celery("tasks", broker=os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0"))
celery.conf.broker_transport_options = {
    "control_folder": os.path.join(QUEUE, "control"),
    "data_folder_in": QUEUE,
    "data_folder_out": QUEUE,
}
celery.conf.worker_hijack_root_logger = False
for folder in (FOLDER, QUEUE):
    os.makedirs(folder, exist_ok=True)


@celery.task
def write_invoice(number):
    with open(os.path.join(FOLDER, f"{number}.txt"), "w", encoding="utf-8") as f:
        f.write(f"Invoice {number}\n")
