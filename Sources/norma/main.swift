print("norma")
