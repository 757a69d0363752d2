import numpy as np
# t-SNE with fixed bandwidth, momentum and early exaggeration
rng=np.random.RandomState(6)
X=np.vstack([rng.randn(15,4)+m for m in (0,3,-3)])
def sq(A):
    s=(A*A).sum(1); return np.maximum(s[:,None]+s[None]-2*A@A.T,0)
P=np.exp(-sq(X)/4); np.fill_diagonal(P,0); P/=P.sum(); P=np.maximum((P+P.T)/2,1e-12)
Y=rng.randn(45,2)*.01; V=np.zeros_like(Y)
for it in range(80):
    ex=4. if it<20 else 1.
    num=1/(1+sq(Y)); np.fill_diagonal(num,0)
    Q=np.maximum(num/num.sum(),1e-12)
    PQ=(ex*P-Q)*num
    dY=4*(np.diag(PQ.sum(1))-PQ)@Y
    V=.6*V-10*dY
    Y=Y+V; Y-=Y.mean(0)
    if it%20==0: print(it,'KL',np.sum(P*np.log(P/Q)))
