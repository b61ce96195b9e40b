// Nobody needs to read this line.
document.title = 'Dashboard 1.0.0'
