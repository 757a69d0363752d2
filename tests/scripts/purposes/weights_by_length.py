import numpy as np
# weight normalisation w = g v/|v| per unit, leaky relu, log-cosh loss
rng=np.random.default_rng(33)
X=rng.normal(size=(60,4)); y=np.abs(X[:,0])-X[:,1]
V=rng.normal(size=(4,10)); g=np.ones(10); b=np.zeros(10); o=rng.normal(size=10)*.3
for ep in range(80):
    nv=np.sqrt((V**2).sum(0)); W=g*V/nv
    a=X@W+b; h=np.where(a>0,a,.1*a); e=h@o-y
    loss=np.log(np.cosh(e)).mean()
    de=np.tanh(e)/60; da=np.outer(de,o)*np.where(a>0,1,.1)
    dW=X.T@da; dg=(dW*V).sum(0)/nv; dV=g/nv*dW-g*dg*V/nv**2
    o-=.1*h.T@de; V-=.1*dV; g-=.1*dg; b-=.1*da.sum(0)
    if ep%20==0: print(ep,loss)
