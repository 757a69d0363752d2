import numpy as np
# GP regression hyper-parameters by ascent on the log marginal likelihood
rng=np.random.default_rng(35)
x=np.sort(rng.uniform(-3,3,30)); y=np.sin(2*x)+.2*rng.normal(size=30)
D=(x[:,None]-x)**2; th=np.array([0.,0.,-1.])
for it in range(50):
    l,s,n=np.exp(th); K0=s*np.exp(-.5*D/l**2); K=K0+n*np.eye(30)
    Ki=np.linalg.inv(K); al=Ki@y
    lml=-.5*y@al-.5*np.linalg.slogdet(K)[1]-15*np.log(2*np.pi)
    M=np.outer(al,al)-Ki
    g=.5*np.array([(M*(K0*D/l**2)).sum(),(M*K0).sum(),n*np.trace(M)])
    th=th+.02*g
    if it%10==0: print(it,lml,np.exp(th))
