import numpy as np
# domain-adversarial net with gradient reversal (label head, domain head on the same features)
rng=np.random.default_rng(37)
Xs=rng.normal(size=(40,3)); ys=(Xs[:,0]+Xs[:,1]>0)*1.; Xt=rng.normal(size=(40,3))+[0,0,1.5]
X=np.vstack([Xs,Xt]); d=np.r_[np.zeros(40),np.ones(40)]
F=rng.normal(size=(3,8))*.4; c=rng.normal(size=8)*.3; q=rng.normal(size=8)*.3
sg=lambda z:1/(1+np.exp(-z)); bce=lambda p,t:-np.mean(t*np.log(p)+(1-t)*np.log(1-p))
for ep in range(80):
    lam=2/(1+np.exp(-10*ep/80))-1
    h=np.tanh(X@F); pc=sg(h[:40]@c); pd=sg(h@q)
    Lc,Ld=bce(pc,ys),bce(pd,d)
    dc=(pc-ys)/40; dd=(pd-d)/80
    dh=-lam*np.outer(dd,q); dh[:40]+=np.outer(dc,c)
    gF=X.T@(dh*(1-h*h)); gc=h[:40].T@dc; gq=h.T@dd
    F-=.3*gF; c-=.3*gc; q-=.3*gq
    if ep%20==0: print(ep,'label',Lc,'domain',Ld)
