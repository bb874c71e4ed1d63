no_grad = False
