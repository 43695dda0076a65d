"""The same recurrent LIF network in other libraries, and by hand in torch and JAX, to measure our engines against.

    V[t] = a V[t-1] + W_in^T x[t] + W_rec^T S[t-1] - theta S[t-1],    S[t] = V[t] > theta,    reset detached
    dS/dV = 1 / (1 + |V - theta|)^2                       fast sigmoid (SuperSpike, Zenke & Ganguli 2018)
    y[t] = b y[t-1] + W_out^T S[t],   loss = cross-entropy of the mean of y over time

``registry`` names all peers and builds them; ``verification`` compares each with a reference in float64 before it is
timed. Inputs' currents are one product wherever that is faster, the readout is the closed form of the leaky integrator,
Adam is each library's fastest. The surrogate's slope is 1: Norse 1.1 has no other. Nothing here knows our engines.
"""
