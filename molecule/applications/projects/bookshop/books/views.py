from django.shortcuts import redirect, render

from .forms import BookForm
from .models import Book

VERSION = "1.0.0"


def index(request):
    return render(request, "books/index.html", {"books": Book.objects.all(), "version": VERSION})


def add(request):
    form = BookForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(request.build_absolute_uri("/"))
    return render(request, "books/add.html", {"form": form})
