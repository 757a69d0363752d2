import numpy as np
# VQ autoencoder: straight-through code, codebook loss + 0.25 commitment, linear encoder and decoder
rng=np.random.default_rng(24)
X=rng.normal(size=(60,4))+rng.choice([-2,2],size=(60,1))
E=rng.normal(size=(4,2))*.4; Dm=rng.normal(size=(2,4))*.4; C=rng.normal(size=(5,2))
for it in range(60):
    z=X@E
    k=((z[:,None]-C)**2).sum(2).argmin(1); q=C[k]
    xr=q@Dm
    rec=((xr-X)**2).mean(); vq=((z-q)**2).mean()
    dx=2*(xr-X)/X.size
    gD=q.T@dx
    dz=dx@Dm.T+.25*2*(z-q)/z.size
    gC=np.zeros_like(C); np.add.at(gC,k,2*(q-z)/z.size)
    E-=.02*X.T@dz; Dm-=.02*gD; C-=.02*gC
    if it%20==0: print('rec',rec,'vq',vq)
