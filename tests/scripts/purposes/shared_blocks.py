import numpy as np
# residual net whose four blocks share one weight matrix (Euler flow), squared error
rng=np.random.default_rng(16)
X=rng.normal(size=(50,2)); Y=np.c_[X[:,0]*np.cos(X[:,1]),X[:,1]-X[:,0]]
class Flow:
    def __init__(s): s.W=rng.normal(size=(2,2))*.3; s.b=np.zeros(2); s.O=np.eye(2); s.dt=.25
    def forward(s,x):
        s.st=[]
        for _ in range(4):
            a=np.tanh(x@s.W+s.b); s.st.append((x,a)); x=x+s.dt*a
        s.last=x
        return x@s.O
    def backward(s,g):
        s.gO=s.last.T@g; g=g@s.O.T; s.gW=0; s.gb=0
        while s.st:
            x,a=s.st.pop(); k=s.dt*g*(1-a**2)
            s.gW=s.gW+x.T@k; s.gb=s.gb+k.sum(0); g=g+k@s.W.T
    def step(s,lr): s.W-=lr*s.gW; s.b-=lr*s.gb; s.O-=lr*s.gO
f=Flow()
for e in range(60):
    o=f.forward(X); f.backward((o-Y)*2/o.size); f.step(.2)
    if e%20==0: print(e,np.mean((o-Y)**2))
